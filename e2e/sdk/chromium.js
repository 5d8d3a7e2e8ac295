// Where the browser of the tests is.
'use strict'
const fs = require('node:fs')

const executablePath = process.env.CHROMIUM || ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(p => fs.existsSync(p))

module.exports = { executablePath }
