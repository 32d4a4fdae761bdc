import { Worker } from 'node:worker_threads'
import source from './host-watch.cjs?raw'

/** For processes that share none of these files. */
export const HOST_WATCH_SOURCE = source

/** Ends this process within half a second of that one's end, whatever it is doing. @param host a process id */
export function endWithHost(host: number): void {
  new Worker(source, { eval: true, workerData: host }).unref()
}
