using Akka.Actor;

namespace Registry.Actors.Tests.Scripted;

/// <summary>An actor system's virtual clock and timers for code that is no actor: a test that moves the one moves all.</summary>
internal sealed class SchedulerTime : TimeProvider
{
    private IScheduler scheduler = null!;

    /// <summary>The system exists only after its options, which hold the clock.</summary>
    public void Follow(IScheduler followed) => scheduler = followed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => scheduler.Now.ToUniversalTime();

    public override long GetTimestamp() => scheduler.Now.UtcTicks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SchedulerTimer(scheduler, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SchedulerTimer(IScheduler scheduler, Action callback) : ITimer
    {
        private readonly Lock gate = new();
        private ICancelable? scheduled;
        private bool disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (gate)
            {
                if (disposed)
                    return false;
                scheduled?.Cancel();
                scheduled = dueTime == Timeout.InfiniteTimeSpan ? null
                    : period == Timeout.InfiniteTimeSpan || period == TimeSpan.Zero ? scheduler.Advanced.ScheduleOnceCancelable(dueTime, callback)
                    : scheduler.Advanced.ScheduleRepeatedlyCancelable(dueTime, period, callback);
                return true;
            }
        }

        public void Dispose()
        {
            lock (gate)
            {
                disposed = true;
                scheduled?.Cancel();
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
