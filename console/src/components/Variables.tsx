import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Card, Checkbox, Form, Input, Popconfirm, Table, Tag } from 'antd'
import { manage, request } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { when } from './format'

interface Variable { function?: string; name: string; value?: string; secret: boolean; updatedAt: string }
interface Values { function?: string; name: string; value: string; secret?: boolean }

/** Secrets and variables of functions. The value of a secret is never shown. */
export function Variables({ app }: { app: string }) {
  const { t } = useText()
  const queries = useQueryClient()
  const [form] = Form.useForm<Values>()
  const list = useQuery({ queryKey: ['secrets', app], queryFn: () => request<{ variables: Variable[] }>('GET', manage(app, '/variables')).then(r => r.variables) })
  const refresh = () => queries.invalidateQueries({ queryKey: ['secrets', app] })
  const save = useMutation({
    mutationFn: (values: Values) => request('PUT', manage(app, '/variables'), { ...values, function: values.function || undefined }),
    onSuccess: () => { form.resetFields(); return refresh() },
  })
  const remove = useMutation({ mutationFn: (v: Variable) => request('POST', manage(app, '/variables/delete'), { name: v.name, function: v.function }), onSettled: refresh })
  const failed = list.error ?? save.error ?? remove.error
  return (
    <Card size="small" title={t('variables')}>
      <p style={{ marginTop: 0 }} className="muted">{t('variablesHint')}</p>
      {failed && <Failure error={failed} style={{ marginBottom: 16 }} />}
      <Table<Variable> size="small" rowKey={v => `${v.function ?? ''}/${v.name}`} pagination={false} loading={list.isPending} dataSource={list.data} locale={{ emptyText: t('noVariables') }}
        columns={[
          { title: t('name'), className: 'wraps', render: (_, v) => <><span className="mono">{v.name}</span>{v.function && <div className="muted">{v.function}</div>}</> },
          { title: t('value'), className: 'wraps', render: (_, v) => (v.secret ? <Tag color="gold">{t('secret')}</Tag> : <span className="mono">{v.value}</span>) },
          { title: t('updated'), responsive: ['md'], render: (_, v) => <span className="muted">{when(v.updatedAt)}</span> },
          { title: '', align: 'right', render: (_, v) => <Popconfirm title={t('confirmDelete')} onConfirm={() => remove.mutate(v)}><Button size="small" danger>{t('remove')}</Button></Popconfirm> },
        ]} />
      <Form name="variables" form={form} layout="vertical" onFinish={save.mutate} initialValues={{ secret: true }} style={{ marginTop: 16 }}>
        <Form.Item name="name" label={t('name')} rules={[{ required: true }]}><Input className="mono" placeholder="MAIL_KEY" autoComplete="off" /></Form.Item>
        <Form.Item name="value" label={t('value')} rules={[{ required: true }]}><Input.Password autoComplete="new-password" /></Form.Item>
        <Form.Item name="function" label={t('oneFunction')} extra={t('oneFunctionHint')}><Input className="mono" autoComplete="off" /></Form.Item>
        <Form.Item name="secret" valuePropName="checked"><Checkbox>{t('secretNeverShown')}</Checkbox></Form.Item>
        <Button type="primary" htmlType="submit" data-testid="set-variable" loading={save.isPending}>{t('setVariable')}</Button>
      </Form>
    </Card>
  )
}
