using System.Reflection;
using Registry.Fuzzing;

// The stack is fuzzed in an instrumented copy. So this assembly runs twice: as it was built, to make the copy, and once more in the copy's
// load context, where its references lead to the instrumented assemblies.
if (!FuzzingOptions.TryParse(args, out var options, out var error))
{
    Console.Error.WriteLine(error);
    Console.Error.WriteLine(FuzzingOptions.Usage);
    return 2;
}
using var copy = InstrumentedCopy.Create();
var run = copy.Load(typeof(FuzzingRun).Assembly.GetName()).GetType(typeof(FuzzingRun).FullName!)!
    .GetMethod(nameof(FuzzingRun.Run), BindingFlags.Public | BindingFlags.Static)!;
return (int)run.Invoke(null, [args])!;
