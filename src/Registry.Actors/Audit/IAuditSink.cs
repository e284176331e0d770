namespace Registry.Actors.Audit;

/// <summary>
/// Where a node's audit goes. The registry calls it from many threads: once when a tube or connection begins, once when it ends, once for each denied dial, and
/// never for what they carry. It must neither block nor throw.
/// </summary>
public interface IAuditSink
{
    /// <summary>Whether something may begin now; false while records cannot be written and nothing may go unrecorded.</summary>
    bool IsAvailable { get; }

    /// <summary>Records that something begins.</summary>
    /// <param name="start">The record.</param>
    /// <returns>Whether it may go on. False when it could not be recorded and must be: it then does not begin, and no end follows.</returns>
    ValueTask<bool> BeginAsync(AuditRecord start);

    /// <summary>Counts something that was asked for and did not begin because <see cref="IsAvailable"/> was false, without <see cref="BeginAsync"/>.</summary>
    void CountRefused();

    /// <summary>Records what has happened.</summary>
    /// <param name="record">The record.</param>
    void Write(AuditRecord record);
}
