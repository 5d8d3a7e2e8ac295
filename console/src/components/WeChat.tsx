import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App as AntApp, Button, Card, Form, Input, Spin, Typography } from 'antd'
import { manage, request } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'

interface Route { type?: string; event?: string; function: string }
interface Settings {
  merchant?: { id: string; serial?: string; publicKeyId?: string; providerAppId?: string; subMerchants?: string[] }
  hasToken: boolean; hasAesKey: boolean; routes: Route[]; pushUrl: string
  standIn?: { url: string }
}
interface Values {
  id?: string; serial?: string; privateKey?: string; apiV3Key?: string; publicKeyId?: string; publicKey?: string
  providerAppId?: string; subMerchants?: string
  token?: string; aesKey?: string; routes?: string
}

const lines = (routes: Route[]) => routes.map(r => `${r.type || '*'}${r.event ? `/${r.event}` : ''}=${r.function}`).join('\n')

function parse(text: string): Route[] {
  return text.split('\n').map(line => line.trim()).filter(Boolean).map(line => {
    const [match, target = ''] = line.split('=')
    const [type, event] = match.split('/')
    return { type: type === '*' ? '' : type, event, function: target }
  })
}

/** Payments and pushed messages. Secrets that are kept are never shown; an empty field leaves them. */
export function WeChat({ app }: { app: string }) {
  const { t } = useText()
  const { message } = AntApp.useApp()
  const queries = useQueryClient()
  const [form] = Form.useForm<Values>()
  const found = useQuery({ queryKey: ['wechat', app], queryFn: () => request<Settings>('GET', manage(app, '/wechat')) })
  const save = useMutation({
    mutationFn: ({ token, aesKey, routes, subMerchants, ...merchant }: Values) => request<Settings>('PUT', manage(app, '/wechat'), {
      ...(merchant.id || found.data?.merchant ? { merchant: { ...merchant, id: merchant.id ?? '', subMerchants: (subMerchants ?? '').split(/[\s,]+/).filter(Boolean) } } : {}),
      ...(token ? { token } : {}), ...(aesKey ? { aesKey } : {}), routes: parse(routes ?? ''),
    }),
    onSuccess: () => {
      form.resetFields(['privateKey', 'apiV3Key', 'publicKey', 'token', 'aesKey'])
      message.success(t('saved'))
      return queries.invalidateQueries({ queryKey: ['wechat', app] })
    },
  })
  const kept = (is?: boolean) => t(is ? 'secretKept' : 'secretNone')
  if (found.error) return <Failure error={found.error} />
  const s = found.data
  return (
    <Card size="small" title={t('wechatServices')}>
      {!s ? <Spin /> : (
        <Form name="wechat" form={form} layout="vertical" onFinish={save.mutate} initialValues={{ ...s.merchant, subMerchants: s.merchant?.subMerchants?.join(' '), routes: lines(s.routes) }}>
          {s.standIn && <Alert type="info" style={{ marginBottom: 16 }} title={<>{t('standIn')} <a href={s.standIn.url} target="_blank" rel="noreferrer">{s.standIn.url}</a></>} />}
          <Form.Item name="id" label={t('merchant')}><Input className="mono" placeholder="1600000000" autoComplete="off" /></Form.Item>
          <Form.Item name="serial" label={t('merchantSerial')}><Input className="mono" autoComplete="off" /></Form.Item>
          <Form.Item name="privateKey" label={t('merchantKey')}><Input.TextArea rows={2} className="mono" autoComplete="off" placeholder={kept(!!s.merchant)} /></Form.Item>
          <Form.Item name="apiV3Key" label={t('apiV3Key')}><Input.Password autoComplete="new-password" placeholder={kept(!!s.merchant)} /></Form.Item>
          <Form.Item name="publicKeyId" label={t('payKeyId')}><Input className="mono" placeholder="PUB_KEY_ID_…" autoComplete="off" /></Form.Item>
          <Form.Item name="publicKey" label={t('payKey')}><Input.TextArea rows={2} className="mono" autoComplete="off" placeholder={kept(!!s.merchant?.publicKeyId)} /></Form.Item>
          <Form.Item name="providerAppId" label={t('providerAppId')} extra={t('providerHint')}><Input className="mono" placeholder="wx…" autoComplete="off" /></Form.Item>
          <Form.Item name="subMerchants" label={t('subMerchants')}><Input className="mono" placeholder="1600000001 1600000002" autoComplete="off" /></Form.Item>
          <Form.Item label={t('pushUrl')}><Typography.Text className="mono" copyable style={{ overflowWrap: 'anywhere' }}>{s.pushUrl}</Typography.Text></Form.Item>
          <Form.Item name="token" label={t('pushToken')}><Input.Password autoComplete="new-password" placeholder={kept(s.hasToken)} /></Form.Item>
          <Form.Item name="aesKey" label="EncodingAESKey"><Input.Password autoComplete="new-password" placeholder={kept(s.hasAesKey)} /></Form.Item>
          <Form.Item name="routes" label={t('routes')} extra={t('routesHint')}><Input.TextArea rows={3} className="mono" placeholder={'text=onText\nevent/user_enter_tempsession=onEnter'} /></Form.Item>
          {save.error && <Failure error={save.error} style={{ marginBottom: 16 }} />}
          <Button type="primary" htmlType="submit" data-testid="save-wechat" loading={save.isPending}>{t('apply')}</Button>
        </Form>
      )}
    </Card>
  )
}
