using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

// The registry's own costs, over peer connections without a network. All of them, a few minutes:
//   dotnet run -c Release --project tests/Registry.Benchmarks -- --filter '*'
// One topic: --filter '*Lookup*', or '*HotPath*' for what the WebRTC stack spends on a packet without a network. Read the medians, or on a machine that
// has other work the minima. What the stack costs as a whole is measured by `registry bench`.
var job = Job.Default
    .WithToolchain(InProcessEmitToolchain.Instance)
    .WithWarmupCount(3)
    .WithIterationCount(9)
    .WithIterationTime(TimeInterval.FromMilliseconds(250));
var config = ManualConfig.Create(DefaultConfig.Instance)
    .AddJob(job)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(StatisticColumn.Median, StatisticColumn.Min)
    .HideColumns(Column.Job, Column.Error, Column.RatioSD);
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
