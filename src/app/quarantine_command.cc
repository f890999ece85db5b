// ticklake quarantine: rows that were put aside, put through the query of their table again.
#include "app/commands.h"
#include "app/crash_point.h"
#include "app/project.h"
#include "app/signals.h"
#include "engine/engine.h"

namespace ticklake::app {

Result<void> replay_quarantine(Environment& environment, const QuarantineOptions& options) {
  auto project = TRY(load(environment, options.project));
  engine::World world{.files = environment.files, .clock = environment.clock};
  auto replay = TRY(engine::Replay::open(
      std::move(project), std::move(world),
      {.table = options.table, .flow = options.flow, .where = options.where}));
  Signals signals;
  CrashPoint crash_point(CrashPoint::steps_from_environment());
  bool finished = false;
  while (!finished && !signals.stopping()) {
    auto report = TRY(replay->step());
    finished = report.kind == engine::StepReport::Kind::Finished;
    if (!finished) crash_point.step_worked();
  }
  auto counts = replay->counts();
  auto text = [](int64_t number) { return std::to_string(number); };
  return write_object(environment.out, options.format,
                      {{"table", json_text(replay->table())},
                       {"rows", text(counts.rows)},
                       {"replayed", text(counts.taken)},
                       {"rows_added", text(counts.rows_added)},
                       {"kept", text(counts.kept)},
                       {"finished", finished ? "true" : "false"}});
}

}  // namespace ticklake::app
