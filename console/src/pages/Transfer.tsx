import { Button, Stack, Textarea, TextInput, Title } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { useLocation } from 'wouter';
import { call } from '../api';
import { fenFromYuan } from '../format';
import { MoneyDialog, type MoneyMove } from '../parts/MoneyDialog';
import { newNumber } from '../parts/newNumber';
import { recordPath } from '../parts/RecordsTable';
import { YuanInput } from '../parts/YuanInput';
import { useSay } from '../session';

const FIELDS = ['receiver', 'remark', 'scene'] as const;
type Field = (typeof FIELDS)[number];

const infosOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.split('='))
    .filter(([name = '', content = '']) => name.trim() !== '' && content.trim() !== '')
    .map(([info_type = '', ...content]) => ({
      info_type: info_type.trim(),
      info_content: content.join('=').trim(),
    }));

export function Transfer() {
  const say = useSay();
  const [, go] = useLocation();
  const [fields, setFields] = useState<Record<Field, string>>({
    receiver: '',
    remark: '',
    scene: '1000',
  });
  const [infos, setInfos] = useState('活动名称=\n奖励说明=');
  const [amount, setAmount] = useState('');
  const [tried, setTried] = useState(false);
  const [move, setMove] = useState<MoneyMove>();
  // One number for one intention: sent again after a timeout, it pays once.
  const [out_bill_no] = useState(() => newNumber('T'));
  const fen = fenFromYuan(amount);

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    setTried(true);
    if (fen === undefined) return;
    const body = {
      out_bill_no,
      openid: fields.receiver.trim(),
      transfer_amount: fen,
      transfer_remark: fields.remark.trim(),
      transfer_scene_id: fields.scene.trim(),
      transfer_scene_report_infos: infosOf(infos),
    };
    setMove({
      title: say('transfer'),
      fen,
      send: async (key) => {
        await call('wxpay_transfer', body, key);
        go(recordPath({ kind: 'transfer', no: out_bill_no }));
      },
    });
  }

  return (
    <>
      <Title order={1}>{say('transfer')}</Title>
      <form onSubmit={submit} className="narrow">
        <Stack gap="md">
          {FIELDS.map((field) => (
            <TextInput
              key={field}
              label={say(field)}
              value={fields[field]}
              required
              autoComplete="off"
              onChange={(event) => {
                setFields({ ...fields, [field]: event.currentTarget.value });
              }}
            />
          ))}
          <Textarea
            label={say('sceneInfo')}
            value={infos}
            rows={3}
            onChange={(event) => {
              setInfos(event.currentTarget.value);
            }}
          />
          <YuanInput value={amount} tried={tried} onChange={setAmount} />
          <Button type="submit">{say('transfer')}</Button>
        </Stack>
      </form>
      {move === undefined ? null : (
        <MoneyDialog
          move={move}
          onClose={() => {
            setMove(undefined);
          }}
        />
      )}
    </>
  );
}
