namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static readonly EnumPairs<DescriptionType, V1.DescriptionType> DescriptionTypes = new();
    private static readonly EnumPairs<TubeState, V1.TubeState> TubeStates = new();
    private static readonly EnumPairs<RefusalCode, V1.RefusalCode> RefusalCodes = new();

    private static TubeId Tube(string text) => TubeId.TryParse(text, out var id)
        ? id
        : throw new FormatException($"tube_id is not 1 to {TubeId.MaxLength} characters of A-Z a-z 0-9 . _ -.");

    private static ConversationId Conversation(string text) => ConversationId.TryParse(text, out var id)
        ? id
        : throw new FormatException($"conversation_id is not 1 to {ConversationId.MaxLength} printable characters.");

    private static DateTimeOffset Time(long utcTicks) => utcTicks >= 0 && utcTicks <= DateTimeOffset.MaxValue.UtcTicks
        ? new(utcTicks, TimeSpan.Zero)
        : throw new FormatException($"{utcTicks} is no time: it is outside of the years 1 to 9999.");

    private static T Required<T>(T? field, string name) where T : class => field ?? throw new FormatException($"{name} is missing.");
}
