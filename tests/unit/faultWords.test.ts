/** A fault of the settings is a code and a name; the sentences are made from it and never decide anything. */
import { readConfig } from '../../config/config';
import { faultSentence, faultWords } from '../../config/faultWords';

const PLAIN = /^[^\u3000-\u9fff\uff00-\uffef]+$/;

describe('a fault', () => {
  it('has a code, a name, and a sentence in each language', () => {
    const { config, faults, warnings, incomplete } = readConfig({
      orderExpireMinutes: '0',
      operatorKeys: 'short',
      APPID: 'wxc1546068399a59fc',
    });
    expect(config).toBeUndefined();
    expect(incomplete).toBe(true);
    expect(faults.map(({ name, code }) => `${name} ${code}`)).toEqual(
      expect.arrayContaining([
        'appId missing',
        'wxPayPublicKey pair_absent',
        'orderExpireMinutes not_integer',
        'operatorKeys operator_key',
      ]),
    );
    expect(warnings).toEqual([{ name: 'APPID', code: 'misspelt', params: { meant: 'appId' } }]);
    for (const fault of [...faults, ...warnings]) {
      const [zh, en] = faultWords(fault);
      expect(zh).toMatch(/[\u4e00-\u9fff]/);
      expect(en).toMatch(PLAIN);
      expect(zh + en).not.toMatch(/[{}]/);
    }
  });

  it('names the file whose content belongs there', () => {
    const { faults } = readConfig({ privateKey: 'apiclient_key.pem' });
    const fault = faults.find(({ name }) => name === 'privateKey');
    expect(fault).toEqual({ name: 'privateKey', code: 'pem_is_path', file: 'apiclient_key.pem' });
    expect(fault === undefined ? '' : faultSentence(fault)).toBe(
      'privateKey: 这里填入的是文件路径，应为文件内容 / this is the path of a file, not its content. ' +
        '请粘贴 apiclient_key.pem 的完整内容 / paste the whole of apiclient_key.pem',
    );
  });
});
