// Electron's binary is not everywhere; unit tests of desktop/ run against these empty exports.
export {}
