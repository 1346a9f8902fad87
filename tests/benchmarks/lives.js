// The life of a complaint as DIGIT's users play it: received, registered, listed, assigned, accepted, handed
// over, found again. Without think time; what is told is the answers, each step's time and the lives.
import http from 'k6/http';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';

const AT = `${__ENV.FRONT_DOOR}/intake/v1`;
const LIVES = new Counter('lives');
const STEPS = ['receive', 'register', 'list', 'assign', 'accept', 'transfer', 'search'];
const TIMES = Object.fromEntries(STEPS.map((step) => [step, new Trend(`step_${step}`, true)]));
const LIFE = new Trend('life', true);

export const options = {
  vus: Number(__ENV.USERS),
  duration: __ENV.DURATION,
  summaryTrendStats: ['med', 'p(95)'],
};

function told(step, answer, took = answer.timings.duration) {
  if (answer.status !== 200 && answer.status !== 201) {
    exec.test.abort(`${step}: ${answer.status} ${answer.body}`);
  }
  TIMES[step].add(took);
  return answer.json();
}

function give(step, path, token, body, headers = {}) {
  const key = `life-${__ENV.RUN}-${exec.vu.idInTest}-${exec.vu.iterationInScenario}-${step}`;
  const sent = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key };
  const answer = http.post(AT + path, JSON.stringify(body), { headers: { ...sent, ...headers } });
  return { ...told(step, answer), position: answer.headers.Position };
}

// Whoever is told that the read model is not there yet (E_NOT_YET) asks again; the step is as long as all of it.
function search(query) {
  const headers = { authorization: `Bearer ${__ENV.HEAD}` };
  const began = Date.now();
  let answer;
  do {
    answer = http.get(`${AT}/search/complaints?${query}`, { headers, tags: { name: 'search' } });
  } while (answer.status === 503 && Date.now() - began < 30000);
  return told('search', answer, Date.now() - began);
}

export default function () {
  const began = Date.now();
  const { CLERK, HEAD, HEAD_ID, TODAY } = __ENV;
  const { id } = give('receive', '/complaints', CLERK, {
    channel: 'LETTER',
    received_on: TODAY,
    pages: 3,
    competent_level: 'TOWNSHIP',
    blob_id: 'scan-0001',
  });
  const complaint = `/complaints/${id}`;
  const { number } = give('register', `${complaint}/register-complaint`, CLERK, {});
  give('list', `${complaint}/list-allegations`, CLERK, {
    accused: [
      {
        name: '王虚清',
        unit: `虚构镇${exec.vu.idInTest}-${exec.vu.iterationInScenario}`,
        unit_division: '990102100',
        managed_by_level: 'TOWNSHIP',
        position: '干部',
        political_status: 'PARTY_MEMBER',
        official_category: '公务员',
      },
    ],
    allegations: [{ id: 'a1', accused: 0, kind: 'INTEGRITY_DISCIPLINE', text: '收受红包' }],
    approved_by: HEAD_ID,
  });
  // Need to know: whoever accepts is assigned first (§6.3).
  const { version } = give('assign', `${complaint}/assign-to-case`, HEAD, {
    person: HEAD_ID,
    role: 'petition_head',
  });
  give('accept', `${complaint}/accept-complaint`, HEAD, { handling_dept: 'supervision_dept' }, {
    'if-match': `"${version}"`,
  });
  const { position } = give('transfer', `${complaint}/transfer-to-handler`, HEAD, {});
  const found = search(`number=${number}&min_position=${position}`);
  if (found.items.length !== 1 || found.items[0].id !== id) {
    exec.test.abort(`${number} was not found again`);
  }
  LIVES.add(1);
  LIFE.add(Date.now() - began);
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
