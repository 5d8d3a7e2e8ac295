const { http } = require('@google-cloud/functions-framework')

http('main', (req, res) => res.json(req.body))
