const db = wx.cloud.database()
const _ = db.command
const tasks = db.collection('tasks')

Page({
  data: { tasks: [], summary: null, error: '' },

  onLoad () {
    this.watcher = tasks.where({ archived: _.neq(true) }).orderBy('at', 'asc').watch({
      onChange: snapshot => this.setData({ tasks: snapshot.docs }),
      onError: error => this.setData({ error: error.errMsg })
    })
  },

  onUnload () {
    this.watcher.close()
  },

  add (event) {
    tasks.add({
      data: { title: event.detail.value, done: false, at: db.serverDate() },
      fail: error => this.setData({ error: error.errMsg })
    })
  },

  async toggle (event) {
    const { data } = await tasks.doc(event.currentTarget.dataset.id).get()
    await tasks.doc(data._id).update({ data: { done: !data.done, edits: _.inc(1) } })
  },

  async photo (event) {
    const { tempFilePaths: [filePath] } = await wx.chooseImage({ count: 1 })
    const { fileID } = await wx.cloud.uploadFile({ cloudPath: `photos/${event.currentTarget.dataset.id}.jpg`, filePath })
    await tasks.doc(event.currentTarget.dataset.id).update({ data: { photo: fileID } })
    const { fileList } = await wx.cloud.getTempFileURL({ fileList: [fileID] })
    this.setData({ preview: fileList[0].tempFileURL })
  },

  count () {
    wx.cloud.callFunction({ name: 'summary', data: { of: 'tasks' } })
      .then(({ result }) => this.setData({ summary: result }))
      .catch(error => this.setData({ error: error.errMsg }))
  },

  async clear () {
    const { stats } = await tasks.where({ done: true }).remove()
    this.setData({ removed: stats.removed })
  }
})
