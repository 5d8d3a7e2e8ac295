const nodemailer = require('nodemailer')

exports.main = async ({ smtp }) => {
  const [host, port] = smtp.split(':')
  const transport = nodemailer.createTransport({ host, port: Number(port), secure: false, ignoreTLS: true, auth: { user: 'li', pass: 'secret' } })
  const { accepted, response } = await transport.sendMail({ from: 'li@example.com', to: 'mei@example.com', subject: '你好', text: 'Hello from a function', attachments: [{ filename: 'a.txt', content: 'attached' }] })
  return { accepted, response }
}
