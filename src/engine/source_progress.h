// Which of a table's txns are those of one source of one flow. Private to the folder.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/result.h"

namespace ticklake::engine {

using Progress = std::map<std::string, int64_t>;  // txn app id -> value

// Where a flow keeps the progress of a source.
struct ProgressPlace {
  std::string prefix;      // "ticklake/<pipeline>/<flow>/<generation>/"
  std::string turn = {};   // "~2": of the second query of one UNION ALL that reads the source
  std::set<std::string> sources = {};  // names of all that the flow reads
};

class SourceProgress {
 public:
  // A source by its id, which changes where the source is made anew, and its name: "table c.d.t",
  // "topic ticks". Invalid: it was made anew since the flow read it, or the flow has read one that
  // it no longer reads and comes to this one for the first time (one of them renamed, perhaps).
  static Result<SourceProgress> open(const ProgressPlace& place, const Progress& stored,
                                     const std::string& id, const std::string& name);

  // Of its app ids: "<prefix><id>/".
  const std::string& prefix() const { return prefix_; }
  bool first() const { return first_; }  // nothing is stored

  // To what is to be committed: the name, where it is not stored.
  void add_name(Progress& progress) const {
    if (!named_) progress[name_id_] = 1;
  }
  void committed() { named_ = true; }

 private:
  SourceProgress(std::string prefix, std::string name_id, bool first, bool named)
      : prefix_(std::move(prefix)), name_id_(std::move(name_id)), first_(first), named_(named) {}

  std::string prefix_, name_id_;
  bool first_;
  bool named_;
};

}  // namespace ticklake::engine
