// What a page of a Taro project is built from, on WeChat.
import '@tarojs/plugin-platform-weapp/dist/runtime'
import Taro from '@tarojs/taro'
import cloud from '../../miniprogram'

Taro.cloud = cloud
export { Taro, cloud }
