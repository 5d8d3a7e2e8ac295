const axios = require('axios')

exports.main = async ({ http }) => {
  const client = axios.create({ baseURL: http, timeout: 5000 })
  const { data, status } = await client.post('/echo', { name: '云朵', list: [1, 2] }, { params: { q: 'a b' } })
  const refused = await client.get('/status/418').catch(e => e.response.status)
  return { status, name: data.body.name, query: data.query, refused }
}
