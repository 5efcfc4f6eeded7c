package lan

// AdviseInUse is adviseInUse with a holder of the test's choosing.
var AdviseInUse = adviseInUse
