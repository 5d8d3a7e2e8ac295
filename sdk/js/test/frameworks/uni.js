// What a page of a uni-app project is built from, on WeChat.
import uni from '@dcloudio/uni-mp-weixin'
import cloud from '../../miniprogram'

export { uni, cloud }
