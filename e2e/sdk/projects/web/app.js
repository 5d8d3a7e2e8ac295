// A page of a team that has it on CloudBase: people sign in, keep a list that others of theirs see change, add photos.
import cloudbase from '@cloudbase/js-sdk'

const app = cloudbase.init({ env: 'my-env' })
const auth = app.auth()
const db = app.database()
const _ = db.command
const tasks = db.collection('tasks')
const $ = id => document.getElementById(id)

function show (docs) {
  $('tasks').replaceChildren(...docs.map(doc => {
    const item = document.createElement('li')
    item.textContent = doc.title + (doc.done ? ' ✓' : '')
    if (doc.photo) item.append(Object.assign(document.createElement('img'), { src: doc.photo, alt: doc.title }))
    item.onclick = () => tasks.doc(doc._id).update({ done: !doc.done, edits: _.inc(1) })
    return item
  }))
}

async function begin () {
  const { uid } = (await auth.getLoginState()).user
  $('who').textContent = uid
  tasks.where({ archived: _.neq(true) }).orderBy('at', 'asc').watch({
    onChange: snapshot => show(snapshot.docs),
    onError: error => { $('error').textContent = String(error.message || error) }
  })
}

$('guest').onclick = async () => { await auth.signInAnonymously(); await begin() }
$('enter').onclick = async () => {
  const { error } = await auth.signInWithPassword({ username: $('name').value, password: $('password').value })
  if (error) $('error').textContent = error.message
  else await begin()
}
$('add').onclick = async () => {
  let photo = ''
  const file = $('photo').files[0]
  if (file) {
    const { fileID } = await app.uploadFile({ cloudPath: `tasks/${file.name}`, filePath: file })
    photo = (await app.getTempFileURL({ fileList: [fileID] })).fileList[0].tempFileURL
  }
  await tasks.add({ title: $('title').value, done: false, photo, at: db.serverDate() })
}
$('clear').onclick = () => tasks.where({ done: true }).remove()
$('count').onclick = async () => {
  const { result } = await app.callFunction({ name: 'summary', data: { of: 'tasks' } })
  $('summary').textContent = `${result.done}/${result.all}`
}
