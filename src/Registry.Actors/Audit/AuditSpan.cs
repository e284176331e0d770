using System.Net;
using Registry.Messages;

namespace Registry.Actors.Audit;

/// <summary>The two records of one tube or connection: one when it begins, and when that was written, one when it has ended.</summary>
internal sealed class AuditSpan
{
    /// <summary>Of what is not recorded.</summary>
    public static AuditSpan None { get; } = new();

    // Targets of datagrams that are remembered as refused; then the oldest knowledge goes.
    private const int MaxRefused = 256;

    private readonly IAuditSink? sink;
    private readonly TimeProvider time = TimeProvider.System;
    private AuditRecord? start;
    private long startedAt;
    private Task<bool>? begun;
    private int ended;
    private HashSet<IPEndPoint>? refused;

    /// <param name="sink">Where the records go.</param>
    /// <param name="start">The first of them, but for its time.</param>
    /// <param name="time">The clock.</param>
    public AuditSpan(IAuditSink sink, AuditRecord start, TimeProvider time) => (this.sink, this.start, this.time) = (sink, start, time);

    private AuditSpan() { }

    /// <summary>Records the beginning. Called at most once.</summary>
    /// <returns>False when it must not begin.</returns>
    public ValueTask<bool> BeginAsync()
    {
        if (sink is null)
            return new(true);
        start = start! with { At = time.GetUtcNow() };
        startedAt = time.GetTimestamp();
        begun = sink.BeginAsync(start).AsTask();
        return new(begun);
    }

    /// <summary>Records what became known on the way.</summary>
    public void Dialled(IPEndPoint endPoint) =>
        sink?.Write(start! with { Kind = AuditKind.ConnectionDialled, At = time.GetUtcNow(), Dialled = endPoint.ToString() });

    /// <summary>Records where a UDP association's datagrams go. Called by one at a time.</summary>
    /// <returns>False when that must be recorded and cannot be; counted once for each target, however many datagrams are for it.</returns>
    public bool TryReach(string target, IPEndPoint endPoint)
    {
        if (sink is null)
            return true;
        if (!sink.IsAvailable)
        {
            CountRefused(endPoint);
            return false;
        }

        refused = null;
        sink.Write(start! with { Kind = AuditKind.DatagramTarget, Id = AuditTrail.NewId(), At = time.GetUtcNow(), Target = target, Dialled = endPoint.ToString() });
        return true;
    }

    /// <summary>Records the end of what began, once.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="text">What happened, for people.</param>
    /// <param name="closedBy">Which caller asked for it; null when none did.</param>
    /// <param name="sent">Bytes sent to the peer.</param>
    /// <param name="received">Bytes that came from it.</param>
    /// <param name="complete">Adds what was not known at the beginning.</param>
    public void End(CloseReason reason, string text, string? closedBy, long sent, long received, Func<AuditRecord, AuditRecord>? complete = null)
    {
        if (begun is not { } starting || Interlocked.Exchange(ref ended, 1) != 0)
            return;
        var end = start! with
        {
            Kind = start.Kind == AuditKind.TubeStart ? AuditKind.TubeEnd : AuditKind.ConnectionEnd,
            At = time.GetUtcNow(),
            Reason = reason,
            Text = Cut(text),
            ClosedBy = closedBy,
            BytesSent = sent,
            BytesReceived = received,
            DurationMs = (long)time.GetElapsedTime(startedAt).TotalMilliseconds,
        };
        end = complete?.Invoke(end) ?? end;
        if (starting.IsCompletedSuccessfully)
            WriteAfter(starting, end);
        else
            starting.ContinueWith(written => WriteAfter(written, end), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void CountRefused(IPEndPoint endPoint)
    {
        if (refused is null or { Count: >= MaxRefused })
            refused = [];
        if (refused.Add(endPoint))
            sink!.CountRefused();
    }

    // Not inside a character that has two halves.
    private static string Cut(string text) => text.Length <= AuditRecord.MaxText ? text
        : char.IsHighSurrogate(text[AuditRecord.MaxText - 1]) ? text[..(AuditRecord.MaxText - 1)]
        : text[..AuditRecord.MaxText];

    private void WriteAfter(Task<bool> starting, AuditRecord end)
    {
        if (starting is { IsCompletedSuccessfully: true, Result: true })
            sink!.Write(end);
    }
}
