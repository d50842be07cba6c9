/** The suites of the wire once more, through `createApp` alone: what `bin/listen.ts` takes first is Express's too. */
import { useDoor } from '../helpers/service';
import './doors.test';
import './http.test';

useDoor('express');
