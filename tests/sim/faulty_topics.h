// Topics that pass every call on to others, where nothing goes wrong.
#pragma once

#include <memory>

#include "broker/broker.h"
#include "faults.h"

namespace ticklake::sim {

// Both outlive it. One thread.
std::shared_ptr<broker::Topics> faulty(broker::Topics& topics, Faults& faults);

}  // namespace ticklake::sim
