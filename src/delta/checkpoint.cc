#include "delta/replay.h"
namespace ticklake::delta {
Result<State> read_checkpoint(io::FileStore&, const io::Path& root, const CheckpointFiles&) {
  return Error{Code::Corrupt, root + ": checkpoints are not read yet"};
}
Result<void> checkpoint(io::FileStore&, const io::Clock&, const Snapshot& snapshot) {
  return Error{Code::Unsupported, snapshot.root() + ": checkpoints are not written yet"};
}
}  // namespace ticklake::delta
