import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Button, Card, Form, Input } from 'antd'
import { useNavigate } from 'react-router-dom'
import { request, type App } from '../api'
import { Failure } from '../components/Failure'
import { useText } from '../i18n'

/** Makes an app: the first of a fresh server, or one more. */
export function NewApp() {
  const { t } = useText()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: (values: { id: string; name?: string }) => request<App>('POST', '/v1/manage/apps', values),
    onSuccess: async app => {
      await queries.invalidateQueries({ queryKey: ['apps'] })
      navigate(`/${app.id}/overview`)
    },
  })
  return (
    <div className="signin">
      <Card title={t('createApp')} style={{ width: 'min(420px, 100%)' }}>
        {create.error && <Failure error={create.error} style={{ marginBottom: 16 }} />}
        <Form layout="vertical" onFinish={create.mutate}>
          <Form.Item name="id" label={t('appId')} rules={[{ required: true, pattern: /^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$/, message: 'a-z 0-9 -' }]}><Input placeholder="my-app" /></Form.Item>
          <Form.Item name="name" label={t('name')}><Input /></Form.Item>
          <Button type="primary" htmlType="submit" block loading={create.isPending}>{t('createApp')}</Button>
          {location.pathname.endsWith('/-/new') && <Button type="text" block style={{ marginTop: 8 }} onClick={() => navigate(-1)}>{t('cancel')}</Button>}
        </Form>
      </Card>
    </div>
  )
}
