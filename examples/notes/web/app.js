'use strict'
// The same app as the mini-program, in a browser. `yunduo` comes from /__yunduo/sdk.js, which "yunduo dev" serves.
const app = yunduo.init(window.YUNDUO)

// Two languages: the browser's choice.
const chinese = navigator.language.startsWith('zh')
const words = chinese
  ? { title: '云朵便签', intro: '打开这个页面的人，共享这面便签墙。', placeholder: '写点什么……', photo: '照片', post: '贴上去', remove: '删除', like: '赞', none: '还没有便签，写下第一条吧' }
  : { title: 'Shared notes', intro: 'Everyone who opens this page shares this wall.', placeholder: 'Write a note …', photo: 'Photo', post: 'Post', remove: 'delete', like: 'like', none: 'No notes yet. Write the first one.' }
const $ = id => document.getElementById(id)
let color = 'yellow'

const call = (action, data) => app.callFunction({ name: 'notes', data: { action, ...data } }).then(r => r.result)

function report (error) {
  $('error').textContent = error.message || error.errMsg
  $('error').hidden = false
}

/** Runs something a button asked for; the button waits and errors are shown. */
async function doing (button, work) {
  button.disabled = true
  $('error').hidden = true
  try {
    await work()
  } catch (e) {
    report(e)
  } finally {
    button.disabled = false
  }
}

const element = (name, properties, ...children) => {
  const e = Object.assign(document.createElement(name), properties)
  e.append(...children)
  return e
}

function card (note) {
  const like = element('button', { className: note.liked ? 'liked' : '', textContent: `♥ ${note.likes}`, title: words.like })
  like.onclick = () => doing(like, () => call('like', { id: note._id }).then(show))
  const foot = element('footer', {}, element('time', { textContent: new Date(note.at).toLocaleString(chinese ? 'zh-CN' : 'en', { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }) }), like)
  if (note.mine) {
    const remove = element('button', { textContent: words.remove, title: words.remove })
    remove.onclick = () => doing(remove, () => call('remove', { id: note._id }).then(show))
    foot.append(remove)
  }
  const body = [element('p', { textContent: note.text }), foot]
  if (note.photo) body.unshift(element('img', { src: note.photo, alt: '', loading: 'lazy' }))
  return element('article', { className: note.color }, ...body)
}

async function show () {
  const notes = await call('list')
  $('wall').replaceChildren(...(notes.length ? notes.map(card) : [element('p', { className: 'empty', textContent: words.none })]))
}

function paint (chosen) {
  color = chosen
  $('form').className = chosen
  for (const b of $('colors').children) b.setAttribute('aria-checked', String(b.dataset.color === chosen))
}

for (const c of ['yellow', 'pink', 'blue', 'green']) {
  const b = element('button', { type: 'button', className: c, title: c, role: 'radio' })
  b.dataset.color = c
  b.onclick = () => paint(c)
  $('colors').append(b)
}
paint(color)

document.documentElement.lang = chinese ? 'zh-CN' : 'en'
document.title = words.title
for (const e of document.querySelectorAll('[data-text]')) e.textContent = words[e.dataset.text]
$('text').placeholder = words.placeholder

$('photo').onchange = () => {
  const [file] = $('photo').files
  $('preview').hidden = !file
  if (file) $('preview').src = URL.createObjectURL(file)
}

$('form').onsubmit = event => {
  event.preventDefault()
  doing($('save'), async () => {
    const [file] = $('photo').files
    let photo
    if (file) {
      const cloudPath = `photos/${Date.now()}-${file.name}`
      photo = (await app.uploadFile({ cloudPath, file })).fileID
    }
    await call('add', { text: $('text').value, color, photo })
    $('form').reset()
    $('preview').hidden = true
    await show()
  })
}

async function start () {
  if (!app.auth.currentUser) await app.auth.signInAnonymously()
  await show()
}
start().catch(report)
