const COLORS = ['yellow', 'pink', 'blue', 'green']

Page({
  data: { text: '', photo: '', color: 'yellow', colors: COLORS, saving: false },

  type ({ detail }) { this.setData({ text: detail.value }) },
  paint ({ currentTarget }) { this.setData({ color: currentTarget.dataset.color }) },
  async choose () {
    try {
      const { tempFiles } = await wx.chooseMedia({ count: 1, mediaType: ['image'], sizeType: ['compressed'] })
      this.setData({ photo: tempFiles[0].tempFilePath })
    } catch (e) {
      // the user changed their mind
    }
  },
  async save () {
    const { text, photo, color } = this.data
    this.setData({ saving: true })
    try {
      let fileID
      if (photo) {
        const cloudPath = `photos/${Date.now()}-${Math.random().toString(36).slice(2)}.jpg`
        fileID = (await wx.cloud.uploadFile({ cloudPath, filePath: photo })).fileID
      }
      await wx.cloud.callFunction({ name: 'notes', data: { action: 'add', text, color, photo: fileID } })
      wx.navigateBack()
    } catch (e) {
      wx.showToast({ title: e.errMsg || e.message, icon: 'none' })
      this.setData({ saving: false })
    }
  }
})
