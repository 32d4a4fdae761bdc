import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

export interface Answer {
  value: string
  label: string
  /** The one that Enter gives. */
  isUsual?: boolean
}

export interface Question {
  title: string
  words: string
  answers: readonly Answer[]
  /** Null: the person changed their mind. */
  answer(value: string | null): void
}

/** Questions that must be answered before something goes on. */
export const useQuestions = defineStore('questions', () => {
  const question = shallowRef<Question | null>(null)

  /** The answer that was chosen; null where the person changed their mind, also by asking for something else. */
  function ask<Value extends string>(asked: {
    title: string
    words: string
    answers: readonly (Answer & { value: Value })[]
  }): Promise<Value | null> {
    question.value?.answer(null)
    return new Promise((resolve) => {
      question.value = {
        ...asked,
        answer(value) {
          question.value = null
          resolve(value as Value | null)
        },
      }
    })
  }

  return { question, ask }
})
