using System.Runtime.InteropServices;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Cli;

namespace Registry.Host.Tests.Cli;

public sealed class StopSignalsTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void Signals_within_a_second_stop_the_work_once_and_one_after_it_ends_the_process_at_once()
    {
        var stops = 0;
        var signals = new StopSignals(() => stops++, time);

        GoesOn(signals, PosixSignal.SIGTERM).ShouldBeTrue();
        time.Advance(TimeSpan.FromSeconds(0.9));
        GoesOn(signals, PosixSignal.SIGINT).ShouldBeTrue();
        time.Advance(TimeSpan.FromSeconds(0.1));
        GoesOn(signals, PosixSignal.SIGTERM).ShouldBeFalse();
        stops.ShouldBe(1);
    }

    private static bool GoesOn(StopSignals signals, PosixSignal signal)
    {
        var context = new PosixSignalContext(signal);
        signals.Take(context);
        return context.Cancel;
    }
}
