const express = require('express')

const app = express()
const notes = new Map()
app.use(express.json())
app.post('/notes/:id', (req, res) => {
  notes.set(req.params.id, req.body.text)
  res.status(201).json({ id: req.params.id })
})
app.get('/notes/:id', (req, res, next) => notes.has(req.params.id) ? res.json({ text: notes.get(req.params.id), ip: req.ip }) : next())
app.use((error, req, res, next) => res.status(error.status || 500).json({ failed: error.type }))
app.listen(process.env.PORT)
