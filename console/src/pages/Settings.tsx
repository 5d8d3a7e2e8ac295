import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App as AntApp, Button, Card, Descriptions, Form, Input, InputNumber, Select, Space, Spin, Typography } from 'antd'
import { manage, request, type App } from '../api'
import { Failure } from '../components/Failure'
import { TicketKeys } from '../components/TicketKeys'
import { when } from '../components/format'
import { Variables } from '../components/Variables'
import { WeChat } from '../components/WeChat'
import { useText } from '../i18n'

interface Keys { apiKey: string; secretId: string; secretKey: string }
interface Server { version: string; isolation: string; protocol: number }
interface Values { name: string; wechatAppId: string; wechatSecret?: string; allowedOrigins: string[]; hours?: number; mebibytes?: number; logDays?: number }

export function Settings({ app }: { app: string }) {
  const { t } = useText()
  const { message } = AntApp.useApp()
  const queries = useQueryClient()
  const [form] = Form.useForm<Values>()
  const found = useQuery({ queryKey: ['app', app], queryFn: () => request<App>('GET', manage(app)) })
  const server = useQuery({ queryKey: ['server'], queryFn: () => request<Server>('GET', '/v1/manage/server'), retry: false })
  const save = useMutation({
    // An empty secret field leaves the secret that is kept.
    mutationFn: ({ wechatSecret, hours, mebibytes, logDays, ...values }: Values) => request<App>('PATCH', manage(app), {
      ...values,
      changeLog: { ageSeconds: Math.round((hours ?? 0) * 3600), bytes: Math.round((mebibytes ?? 0) * 1024 * 1024) },
      logRetentionDays: Math.round(logDays ?? 0),
      ...(wechatSecret ? { wechatSecret } : {}),
    }),
    onSuccess: async () => {
      form.resetFields(['wechatSecret'])
      message.success(t('saved'))
      await Promise.all([queries.invalidateQueries({ queryKey: ['app', app] }), queries.invalidateQueries({ queryKey: ['apps'] })])
    },
  })
  const keys = useMutation({ mutationFn: () => request<Keys>('POST', manage(app, '/keys'), {}) })
  if (found.error) return <Failure error={found.error} />
  return (
    <>
      <div className="page-head"><h1>{t('settings')}</h1></div>
      <div className="cards">
        <Card size="small" title={t('general')}>
          {found.isPending ? <Spin /> : (
            <Form form={form} layout="vertical" onFinish={save.mutate} initialValues={{ name: found.data.name, wechatAppId: found.data.wechatAppId ?? '', allowedOrigins: found.data.allowedOrigins ?? [], hours: found.data.changeLog.ageSeconds / 3600 || undefined, mebibytes: found.data.changeLog.bytes / 1024 / 1024 || undefined, logDays: found.data.logRetentionDays || undefined }}>
              <Form.Item label={t('appId')}><Typography.Text className="mono" copyable>{app}</Typography.Text></Form.Item>
              <Form.Item name="name" label={t('name')}><Input /></Form.Item>
              <Form.Item name="allowedOrigins" label={t('origins')} extra={t('originsHint')}>
                <Select mode="tags" open={false} suffixIcon={null} tokenSeparators={[',', ' ']} />
              </Form.Item>
              <Form.Item name="wechatAppId" label={t('wechatAppId')}><Input className="mono" placeholder="wx0123456789abcdef" autoComplete="off" /></Form.Item>
              <Form.Item name="wechatSecret" label={t('wechatSecret')}><Input.Password autoComplete="new-password" placeholder={t(found.data.hasWechatSecret ? 'secretKept' : 'secretNone')} /></Form.Item>
              <Form.Item label={t('changesKept')} extra={t('changesKeptHint')}>
                <Space wrap>
                  <Form.Item name="hours" noStyle><InputNumber min={0} suffix={t('hours')} style={{ width: 150 }} aria-label={t('changesKept')} /></Form.Item>
                  <span>{t('changesSize')}</span>
                  <Form.Item name="mebibytes" noStyle><InputNumber min={0} suffix="MiB" style={{ width: 150 }} aria-label={t('changesSize')} /></Form.Item>
                </Space>
              </Form.Item>
              <Form.Item name="logDays" label={t('logsKept')} extra={t('logsKeptHint')}><InputNumber min={0} max={365} suffix={t('days')} style={{ width: 150 }} /></Form.Item>
              {save.error && <Failure error={save.error} style={{ marginBottom: 16 }} />}
              <Button type="primary" htmlType="submit" loading={save.isPending}>{t('save')}</Button>
            </Form>
          )}
        </Card>
        <div>
          <Card size="small" title={t('credentials')} extra={<Button size="small" loading={keys.isPending} onClick={() => keys.mutate()}>{t('createKey')}</Button>}>
            <p style={{ marginTop: 0 }} className="muted">{t('keysHint')}</p>
            {keys.error && <Failure error={keys.error} />}
            {keys.data && (
              <Alert type="success" title={t('keyOnce')} description={
                <Descriptions column={1} size="small" layout="vertical" items={Object.entries(keys.data).map(([key, value]) => ({
                  key, label: key, children: <Typography.Text className="mono" data-testid={key} copyable style={{ overflowWrap: 'anywhere' }}>{value}</Typography.Text>,
                }))} />
              } />
            )}
          </Card>
          <TicketKeys app={app} />
          <Card size="small" title={t('server')} style={{ marginTop: 16 }}>
            <Descriptions column={1} size="small" items={[
              { key: 'version', label: t('version'), children: server.data?.version ?? '–' },
              { key: 'isolation', label: t('isolation'), children: server.data?.isolation ?? '–' },
              { key: 'created', label: t('created'), children: when(found.data?.createdAt) },
            ]} />
          </Card>
        </div>
        <Variables app={app} />
        <WeChat app={app} />
      </div>
    </>
  )
}
