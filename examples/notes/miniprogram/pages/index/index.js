Page({
  data: { notes: [], loading: true, error: '' },

  onShow () { this.load() },
  onPullDownRefresh () { this.load().then(() => wx.stopPullDownRefresh()) },

  async load () {
    try {
      const { result } = await wx.cloud.callFunction({ name: 'notes', data: { action: 'list' } })
      this.setData({ notes: result, loading: false, error: '' })
    } catch (e) {
      this.setData({ loading: false, error: e.errMsg || e.message })
    }
  },
  async like ({ currentTarget }) {
    await wx.cloud.callFunction({ name: 'notes', data: { action: 'like', id: currentTarget.dataset.id } })
    this.load()
  },
  remove ({ currentTarget }) {
    wx.showModal({
      title: '删除这条便签？',
      success: async ({ confirm }) => {
        if (!confirm) return
        await wx.cloud.callFunction({ name: 'notes', data: { action: 'remove', id: currentTarget.dataset.id } })
        this.load()
      }
    })
  },
  write () { wx.navigateTo({ url: '/pages/edit/edit' }) }
})
