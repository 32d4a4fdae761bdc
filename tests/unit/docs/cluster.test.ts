import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const blocks = [...readFileSync('docs/cluster.md', 'utf8').matchAll(/```yaml\n([^`]*)```/g)].map(([, text]) => text!)

it('jobs of Kubernetes give their volumes to the user of the image', () => {
  const [, group] = /^USER \d+:(\d+)$/m.exec(readFileSync('Dockerfile', 'utf8'))!
  const jobs = blocks.filter((text) => text.includes('kind: Job'))
  expect(jobs.length).toBeGreaterThan(0)
  for (const job of jobs) expect(job).toContain(`securityContext: { fsGroup: ${group} }`)
})

it('tasks of SkyPilot mount every folder that they name', () => {
  const tasks = blocks.filter((text) => text.includes('num_nodes:'))
  expect(tasks.length).toBeGreaterThan(0)
  for (const task of tasks) {
    const [mounts, run] = task.split('\nrun:') as [string, string]
    const folders = [...run.matchAll(/[ =](\/\w+)/g)].map(([, folder]) => folder!)
    expect(folders).toContain('/models')
    for (const folder of folders) expect(mounts).toContain(`${folder}: { source: `)
  }
})
