using Registry.Actors.Audit;

namespace Registry.Host.Audit;

/// <summary>Where records end up. One thread at a time uses it.</summary>
internal interface IAuditStore : IDisposable
{
    /// <summary>What it is, in a word.</summary>
    string Name { get; }

    /// <summary>Makes it ready, mends what a crash left, and gives the starts that have no end. Called once, before anything else.</summary>
    /// <exception cref="Exception">Of the kinds of <see cref="AuditFailure"/>: it is of no use.</exception>
    IReadOnlyList<AuditRecord> Open();

    /// <summary>Adds records in their order: all of them, or none.</summary>
    /// <exception cref="Exception">Of the kinds of <see cref="AuditFailure"/>: none was added, and a later call may succeed.</exception>
    void Append(IReadOnlyList<AuditRecord> records);
}
