import { TextInput } from '@mantine/core';
import { fenFromYuan } from '../format';
import { useSay } from '../session';

/** An amount typed in yuan. What is no amount is said once somebody has tried to send it. */
export function YuanInput({
  value,
  tried,
  onChange,
}: {
  readonly value: string;
  readonly tried: boolean;
  readonly onChange: (value: string) => void;
}) {
  const say = useSay();
  return (
    <TextInput
      label={say('yuanAmount')}
      value={value}
      required
      inputMode="decimal"
      autoComplete="off"
      error={tried && fenFromYuan(value) === undefined ? say('yuanWrong') : undefined}
      onChange={(event) => {
        onChange(event.currentTarget.value);
      }}
    />
  );
}
