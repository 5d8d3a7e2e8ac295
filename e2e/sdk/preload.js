// The preload of the official tools, as `yunduo sdk cloudbase` writes it.
'use strict'
const { execFileSync } = require('node:child_process')
const path = require('node:path')

/** Writes it into a folder and returns its path. */
exports.write = folder => {
  const file = path.join(folder, 'yunduo-cloudbase.js')
  execFileSync(process.env.YUNDUO_BINARY, ['sdk', 'cloudbase', '-o', file])
  return file
}
