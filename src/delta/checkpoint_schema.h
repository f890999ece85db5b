// "Checkpoint Schema": one struct column for each kind of action.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>

namespace ticklake::delta {

enum class Action : uint8_t { Txn, Add, Remove, Metadata, Protocol, Domain };
inline constexpr int kActions = 6;

std::shared_ptr<arrow::Schema> checkpoint_schema();

}  // namespace ticklake::delta
