// A thread that ends its process when the process that started it is gone, also while a native call blocks the main
// thread and no message of the other's end is heard. workerData: the other's process id.
const { workerData: host } = require('node:worker_threads')

const POLL_MS = 250

const parent = process.ppid

/** One that ended and was not waited for still has its id, but no children: they have got another parent. */
function isGone() {
  if (process.ppid !== parent) return true
  try {
    process.kill(host, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

setInterval(() => {
  if (isGone()) process.kill(process.pid, 'SIGKILL')
}, POLL_MS)
