using System.Collections.Concurrent;
using System.Diagnostics;

namespace Registry.Actors.Tests.Tracing;

/// <summary>Records the registry's spans of one trace, which it begins, or of all.</summary>
internal sealed class SpanListener : IDisposable
{
    private readonly ConcurrentQueue<Activity> ended = [];
    private readonly ActivityListener listener;

    public SpanListener(bool ofAllTraces = false)
    {
        listener = new()
        {
            ShouldListenTo = source => source.Name == TubeRegistryTraces.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) => ofAllTraces || options.TraceId == TraceId ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
    }

    public ActivityTraceId TraceId { get; } = ActivityTraceId.CreateRandom();

    /// <summary>The span of the caller, as it says so itself.</summary>
    public ActivitySpanId Caller { get; } = ActivitySpanId.CreateRandom();

    /// <summary>What the caller sends along.</summary>
    public string TraceParent => $"00-{TraceId}-{Caller}-01";

    public IReadOnlyList<Activity> Ended => [.. ended];

    /// <summary>The span of a name, once it has ended.</summary>
    /// <param name="name">The name.</param>
    /// <param name="conversation">Whose it is; null for any.</param>
    public async Task<Activity> EndedAsync(string name, string? conversation = null)
    {
        var deadline = Environment.TickCount64 + 30_000;
        while (true)
        {
            if (ended.FirstOrDefault(span => span.OperationName == name && (conversation is null || (string?)span.GetTagItem("conversation.id") == conversation)) is { } span)
                return span;
            Environment.TickCount64.ShouldBeLessThan(deadline, $"{name} does not end; ended: {string.Join(", ", ended.Select(s => s.OperationName))}");
            await Task.Delay(5);
        }
    }

    public void Dispose() => listener.Dispose();
}
