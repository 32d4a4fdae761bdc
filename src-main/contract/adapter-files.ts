/** Namings of the adapters that are written: kohya's scripts', and PEFT's as diffusers saves it. */
export const LORA_FORMATS = ['kohya', 'peft'] as const
export type LoraFormat = (typeof LORA_FORMATS)[number]

/** Element types of their factors, by the words that people know, as safetensors names them. */
export const LORA_TYPES = { fp16: 'F16', bf16: 'BF16', fp32: 'F32' } as const
export type LoraTypeName = keyof typeof LORA_TYPES
export type LoraType = (typeof LORA_TYPES)[keyof typeof LORA_TYPES]
