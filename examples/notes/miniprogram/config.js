module.exports = {
  endpoint: 'http://127.0.0.1:7300', // the address "yunduo dev" prints; https in production
  env: 'notes'
}
