'use strict'

const { local, errCodeOf, labelOf } = require('./errors')

/**
 * The argument of getTempFileURL and deleteFile.
 * @param {string} api
 * @param {Array<string|{fileID: string, maxAge: number}>} fileList
 * @returns {{fileId: string, maxAge: (number|undefined)}[]} maxAge in seconds
 */
function fileRequests (api, fileList) {
  if (!Array.isArray(fileList)) throw local(api, `parameter.fileList should be array instead of ${typeof fileList}`)
  return fileList.map(file => {
    const { fileID, maxAge } = typeof file === 'string' ? { fileID: file } : file || {}
    if (typeof fileID !== 'string') throw local(api, 'parameter.fileList should hold file IDs')
    return maxAge === undefined ? { fileId: fileID } : { fileId: fileID, maxAge }
  })
}

function wxStatus ({ error }) {
  if (!error) return { status: 0, errMsg: 'ok' }
  const errCode = typeof error.errCode === 'number' ? error.errCode : errCodeOf(error.reason)
  return { status: errCode, errMsg: labelOf(errCode) }
}

/** One file of getTempFileURL as wx.cloud shows it. */
const wxAddress = file => ({ fileID: file.fileId, ...wxStatus(file), maxAge: file.maxAge, tempFileURL: file.url || '' })

/** One file of deleteFile as wx.cloud shows it. */
const wxDeleted = file => ({ fileID: file.fileId, ...wxStatus(file) })

function requireString (api, name, value) {
  if (typeof value !== 'string' || value === '') throw local(api, `parameter.${name} should be string instead of ${value === '' ? 'empty' : typeof value}`)
  return value
}

module.exports = { fileRequests, wxAddress, wxDeleted, requireString }
