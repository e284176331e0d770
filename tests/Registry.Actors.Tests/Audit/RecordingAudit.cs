using System.Collections.Concurrent;
using Registry.Actors.Audit;
using Registry.Messages;

namespace Registry.Actors.Tests.Audit;

/// <summary>An audit in memory.</summary>
public sealed class RecordingAudit : IAuditSink
{
    private readonly ConcurrentQueue<AuditRecord> records = [];

    public IReadOnlyCollection<AuditRecord> Records => records;

    public bool IsAvailable { get; set; } = true;

    /// <summary>What a beginning is answered; null for that it may go on.</summary>
    public Func<AuditRecord, Task<bool>>? Answer { get; set; }

    public async ValueTask<bool> BeginAsync(AuditRecord start)
    {
        if (Answer is { } answer && !await answer(start))
            return false;
        records.Enqueue(start);
        return true;
    }

    /// <summary>How many were refused without being asked about.</summary>
    public int Refused { get; private set; }

    public void CountRefused() => Refused++;

    public void Write(AuditRecord record) => records.Enqueue(record);

    /// <summary>The records of one kind.</summary>
    public AuditRecord[] Of(AuditKind kind) => [.. records.Where(record => record.Kind == kind)];

    /// <summary>A tube's two records, and no other.</summary>
    public (AuditRecord Start, AuditRecord End) OfTube(TubeId tube)
    {
        var own = records.Where(record => record.Kind is AuditKind.TubeStart or AuditKind.TubeEnd && record.TubeId == tube.ToString()).ToArray();
        own.Select(record => record.Kind).ShouldBe([AuditKind.TubeStart, AuditKind.TubeEnd], tube.ToString());
        own[0].Id.ShouldBe(own[1].Id);
        return (own[0], own[1]);
    }

    /// <summary>Everything that began has ended, each once and after it began, and what ended had begun.</summary>
    public void ShouldBeWhole()
    {
        var seen = new Dictionary<string, AuditKind>();
        foreach (var record in records)
        {
            switch (record.Kind)
            {
                case AuditKind.TubeStart or AuditKind.ConnectionStart:
                    seen.TryAdd(record.Id, record.Kind).ShouldBeTrue($"{record} began twice");
                    break;
                case AuditKind.TubeEnd or AuditKind.ConnectionEnd:
                    seen.GetValueOrDefault(record.Id, AuditKind.DialDenied).ShouldBe(record.Kind == AuditKind.TubeEnd ? AuditKind.TubeStart : AuditKind.ConnectionStart, $"{record} ended without having begun, or twice");
                    seen[record.Id] = record.Kind;
                    record.Reason.ShouldNotBeNull();
                    record.Text.ShouldNotBeNullOrEmpty();
                    record.DurationMs.ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(0);
                    record.At.Offset.ShouldBe(TimeSpan.Zero);
                    break;
            }
        }

        seen.Where(pair => pair.Value is AuditKind.TubeStart or AuditKind.ConnectionStart).ShouldBeEmpty();
    }
}
