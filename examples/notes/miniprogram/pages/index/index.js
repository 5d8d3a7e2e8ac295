Page({
  data: { notes: [], loading: true, error: '' },

  onShow () { return this.load() },
  onPullDownRefresh () { return this.load().then(() => wx.stopPullDownRefresh()) },

  async load () {
    try {
      const { result } = await wx.cloud.callFunction({ name: 'notes', data: { action: 'list' } })
      this.setData({ notes: result, loading: false, error: '' })
    } catch (e) {
      this.setData({ loading: false, error: e.errMsg || e.message })
    }
  },

  /** Changes a note, says so if that fails, and shows the wall anew. */
  async change (action, id) {
    try {
      await wx.cloud.callFunction({ name: 'notes', data: { action, id } })
    } catch (e) {
      wx.showToast({ title: e.errMsg || e.message, icon: 'none' })
    }
    await this.load()
  },

  like ({ currentTarget }) { return this.change('like', currentTarget.dataset.id) },
  async remove ({ currentTarget }) {
    const { confirm } = await wx.showModal({ title: '删除这条便签？' })
    if (confirm) await this.change('remove', currentTarget.dataset.id)
  },
  write () { wx.navigateTo({ url: '/pages/edit/edit' }) }
})
