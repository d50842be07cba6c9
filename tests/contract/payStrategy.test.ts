import { describePayStrategy } from './describePayStrategy';

describePayStrategy('sdk');
describePayStrategy('gateway');
