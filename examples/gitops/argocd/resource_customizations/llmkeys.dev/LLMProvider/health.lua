-- Says of the present spec only what the operator has found out about the present spec.
local status = obj.status or {}
if (status.observedGeneration or -1) < obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at the present spec yet." }
end

local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local ready, stalled = found.Ready, found.Stalled
if ready == nil then
  return { status = "Progressing", message = "The operator has not said yet whether it is ready." }
end

if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
-- Switched off on purpose: nobody has to repair anything.
if ready.reason == "Disabled" or ready.reason == "ProviderDisabled" then
  return { status = "Suspended", message = ready.message }
end
-- Waiting does not help: a person has to act.
if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = stalled.message }
end
return { status = "Progressing", message = ready.message }
