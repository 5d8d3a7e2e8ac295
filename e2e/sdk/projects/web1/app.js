// The same kind of page on version 1 of the SDK, as a script that is run: it prints what it sees.
const cloudbase = require('@cloudbase/js-sdk')

module.exports = async function (platform) {
  cloudbase.useAdapters(platform)
  const app = cloudbase.init({ env: 'my-env', appSign: 'tasks', appSecret: { appAccessKeyId: '1', appAccessKey: 'key' } })
  const auth = app.auth({ persistence: 'local' })
  await auth.anonymousAuthProvider().signIn()
  const tasks = app.database().collection('tasks')
  const { id } = await tasks.add({ title: 'old', done: true })
  const { result } = await app.callFunction({ name: 'summary', data: { of: 'tasks' } })
  const { data } = await tasks.doc(id).get()
  return { title: data[0].title, result }
}
