const { sms } = require('tencentcloud-sdk-nodejs-sms')

exports.main = async ({ http }) => {
  const client = new sms.v20210111.Client({
    credential: { secretId: 'AKID', secretKey: 'secret' },
    region: 'ap-guangzhou',
    profile: { httpProfile: { protocol: 'http://', endpoint: http.replace('http://', '') } }
  })
  const { RequestId, SendStatusSet } = await client.SendSms({ PhoneNumberSet: ['+8613800000000'], SmsSdkAppId: '1', TemplateId: '2', SignName: '云朵', TemplateParamSet: ['1234'] })
  return { RequestId, code: SendStatusSet[0].Code }
}
