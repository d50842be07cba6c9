import { createMemoryOrderStore } from '../../services/stores/memoryOrderStore';
import { describeOrderStore } from './describeOrderStore';

describeOrderStore('memory', async () => createMemoryOrderStore(), {
  durable: false,
  runsOn: async () => `Node.js ${process.version}`,
});
