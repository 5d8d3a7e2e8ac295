App({
  onLaunch () {
    wx.cloud.init({ env: 'my-env', traceUser: true })
  }
})
