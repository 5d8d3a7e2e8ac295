// One function for everything the pages share: every user sees every note, but changes only their own.
const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()
const _ = db.command

const COLORS = ['yellow', 'pink', 'blue', 'green']

async function notes () {
  try {
    await db.createCollection('notes')
  } catch (e) {
    // it exists already
  }
  return db.collection('notes')
}

/** The photos' temporary addresses, asked for in one call. */
async function addresses (fileIDs) {
  if (fileIDs.length === 0) return {}
  const { fileList } = await cloud.getTempFileURL({ fileList: fileIDs })
  return Object.fromEntries(fileList.map(f => [f.fileID, f.tempFileURL]))
}

async function list (me) {
  const { data } = await (await notes()).orderBy('at', 'desc').limit(60).get()
  const urls = await addresses(data.filter(n => n.photo).map(n => n.photo))
  return data.map(({ owner, likedBy, photo, ...note }) => ({
    ...note,
    photo: photo && urls[photo],
    mine: owner === me,
    likes: likedBy.length,
    liked: likedBy.includes(me)
  }))
}

async function add (me, { text, photo, color }) {
  const words = String(text || '').trim()
  if (!words && !photo) throw new Error('Write something or choose a photo.')
  if (words.length > 500) throw new Error('A note has 500 characters at most.')
  const { _id } = await (await notes()).add({
    data: { text: words, photo: photo || null, color: COLORS.includes(color) ? color : 'yellow', owner: me, likedBy: [], at: db.serverDate() }
  })
  return { _id }
}

async function like (me, { id }) {
  const note = (await notes()).doc(id)
  const { data } = await note.get()
  await note.update({ data: { likedBy: data.likedBy.includes(me) ? _.pull(me) : _.addToSet(me) } })
  return { liked: !data.likedBy.includes(me) }
}

async function remove (me, { id }) {
  const own = (await notes()).where({ _id: id, owner: me })
  const { data } = await own.get()
  if (data.length === 0) throw new Error('This note is not yours.')
  await own.remove()
  if (data[0].photo) await cloud.deleteFile({ fileList: [data[0].photo] })
  return { removed: true }
}

const actions = { list, add, like, remove }

exports.main = async event => {
  const { OPENID } = cloud.getWXContext()
  const action = actions[event.action || 'list']
  if (!action) throw new Error(`There is no action "${event.action}".`)
  return action(OPENID, event)
}
