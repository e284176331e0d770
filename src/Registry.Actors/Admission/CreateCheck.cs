using Registry.Messages;

namespace Registry.Actors.Admission;

/// <summary>What can be said of a create before anything is looked up.</summary>
internal static class CreateCheck
{
    private const int MaxTextLength = 128;

    /// <summary>What is wrong with a create as such; null when nothing is.</summary>
    public static Refused? Find(CreateTube command)
    {
        if (string.IsNullOrEmpty(command.ConversationId.ToString()))
            return new(RefusalCode.InvalidRequest, "conversationId is missing.") { Key = "conversationId" };
        if (command.TubeId is { } tube && string.IsNullOrEmpty(tube.ToString()))
            return new(RefusalCode.InvalidRequest, "tubeId is empty; leave it out for any.") { Key = "tubeId" };
        return WrongText(command.RequestKey, "requestKey") ?? WrongText(command.Owner, "owner") ?? WrongText(command.Caller, "caller")
            ?? WrongTime(command.MaxWait, CreateTube.LongestWait, "maxWait") ?? WrongTime(command.Timeout, CreateTube.LongestWait, "timeout")
            ?? WrongTime(command.IdleTimeout, CreateTube.LongestLife, "idleTimeout") ?? WrongTime(command.MaxAge, CreateTube.LongestLife, "maxAge")
            ?? (command.MaxBytesPerSecond < CreateTube.LeastBytesPerSecond
                ? new(RefusalCode.InvalidRequest, $"maxBytesPerSecond must be at least {CreateTube.LeastBytesPerSecond}.") { Key = "maxBytesPerSecond" }
                : null);
    }

    private static Refused? WrongText(string? text, string key) => text is { Length: 0 or > MaxTextLength } || text?.Any(char.IsControl) == true
        ? new(RefusalCode.InvalidRequest, $"{key} must have 1 to {MaxTextLength} printable characters.") { Key = key }
        : null;

    /// <summary>What is wrong with a duration; null when nothing is, or there is none.</summary>
    public static Refused? WrongTime(TimeSpan? time, TimeSpan most, string key) => time <= TimeSpan.Zero || time > most
        ? new(RefusalCode.InvalidRequest, $"{key} must be more than 0 and at most {most.TotalDays} days.") { Key = key }
        : null;
}
