using System.Collections.Immutable;
using System.Net;
using System.Reflection;
using CsCheck;

namespace Registry.Messages.Tests.Wire;

/// <summary>
/// Generates messages of every type from their constructors and properties, so that a field which a message gains is generated before
/// anyone thinks of it, and the codec that forgets it fails.
/// </summary>
internal static class AnyMessage
{
    // No surrogates on their own: they have no UTF-8 form.
    private static readonly Gen<string> Text = Gen.OneOf(Gen.OneOf("", "Sitzung 7 / 東京 🚇", "\0\r\n\uFFFD", new string('ü', 5000)), Gen.String[Gen.Char['\0', '\uD7FF'], 0, 40]);
    private static readonly Gen<int> Int = Gen.OneOf(Gen.Int, Gen.OneOf(0, -1, int.MinValue, int.MaxValue));
    private static readonly Gen<long> Long = Gen.OneOf(Gen.Long, Gen.OneOf(0, -1, long.MinValue, long.MaxValue));
    private static readonly Gen<double> Double = Gen.OneOf(Gen.Double, Gen.OneOf(0, double.NaN, double.PositiveInfinity, double.MinValue, double.Epsilon));
    private static readonly Gen<DateTimeOffset> Time = Gen.OneOf(
        Gen.Long[0, DateTimeOffset.MaxValue.Ticks].Select(ticks => new DateTimeOffset(ticks, TimeSpan.Zero)),
        Gen.OneOf(DateTimeOffset.MinValue, DateTimeOffset.MaxValue, new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.FromHours(5))));

    private static readonly Gen<TubeId> Tube = Gen.String[Gen.Char.AlphaNumeric, 1, TubeId.MaxLength].Select(text => new TubeId(text));
    private static readonly Gen<ConversationId> Conversation = Gen.OneOf(
        Gen.OneOf("Sitzung 7 / 東京 🚇", new string('ü', ConversationId.MaxLength)),
        Gen.String[Gen.Char[' ', '~'], 1, ConversationId.MaxLength]).Select(text => new ConversationId(text));

    private static readonly Gen<IPAddress> Address = Gen.OneOf(
        Gen.Byte.Array[4].Select(bytes => new IPAddress(bytes)),
        Gen.Select(Gen.Byte.Array[16], Gen.UInt, (bytes, scope) => new IPAddress(bytes, scope)));

    private static readonly Gen<ConversationSettings> Settings = Gen.OneOf<ConversationSettings>(
        Gen.Const<ConversationSettings>(new EchoSettings()),
        Gen.Const<ConversationSettings>(SocksSettings.Dial()),
        Gen.Const<ConversationSettings>(new HandlerSettings("a.handler-1")),
        Gen.Select(Gen.OneOf([.. GuacdSettings.Types]), Text, Gen.Bool, (type, password, isOwn) => (ConversationSettings)GuacdSettings.Create(
            type, [new("hostname", "a.example"), new("url", "https://a.example/"), new("password", password.Replace("\0", ""))], isOwn ? null : new("guacd.example", 4822))),
        Gen.Int[1, IPEndPoint.MaxPort].Select(port => (ConversationSettings)RawSettings.Dial("a.example", port)),
        Gen.Select(Gen.Bool, Gen.Bool,
            (hosts, ports) => (ConversationSettings)SocksSettings.Dial(AllowedTargets.TryParse(hosts ? "*.example.com,10.0.0.0/8" : null, ports ? "22,443" : "22", out var allowed) ? allowed : null)),
        Gen.Select(Address, Gen.Int[0, IPEndPoint.MaxPort], (address, port) => (ConversationSettings)SocksSettings.Listen(new(address, port))),
        Gen.Select(Address, Gen.Int[0, IPEndPoint.MaxPort], (address, port) => (ConversationSettings)TunnelSettings.Listen(new(address, port))),
        Gen.Select(
            Gen.OneOf(Address.Select(a => a.ToString().Split('%')[0]), Gen.String[Gen.Char['a', 'z'], 1, 63]),
            Gen.Int[1, IPEndPoint.MaxPort],
            (host, port) => (ConversationSettings)TunnelSettings.Dial(host, port)));

    private static readonly Dictionary<Type, Gen<object?>> Values = new()
    {
        [typeof(bool)] = Boxed(Gen.Bool),
        [typeof(int)] = Boxed(Int),
        [typeof(long)] = Boxed(Long),
        [typeof(double)] = Boxed(Double),
        [typeof(string)] = Boxed(Text),
        [typeof(TimeSpan)] = Boxed(Long.Select(ticks => new TimeSpan(ticks))),
        [typeof(DateTimeOffset)] = Boxed(Time),
        [typeof(Guid)] = Boxed(Gen.OneOf(Gen.Guid, Gen.Const(Guid.Empty))),
        [typeof(TubeId)] = Boxed(Tube),
        [typeof(ConversationId)] = Boxed(Conversation),
        [typeof(ConversationSettings)] = Boxed(Settings),
        [typeof(IReadOnlyList<string>)] = Boxed(Text.Array[0, 70]),
    };

    private static readonly MethodInfo AnyArray = typeof(AnyMessage).GetMethod(nameof(ArrayOf), BindingFlags.NonPublic | BindingFlags.Static)!;

    private static readonly IReadOnlyList<Type> Messages = [.. Golden.Table.Select(r => r.Message.GetType()).Distinct()];

    public static Gen<IRegistryProtocol> Any { get; } = OneOf(Messages).Select(message => (IRegistryProtocol)message!);

    private static Gen<object?> Record(Type type)
    {
        var constructor = type.GetConstructors().MaxBy(c => c.GetParameters().Length)!;
        var parameters = constructor.GetParameters();
        var properties = type.GetProperties().Where(p => p.SetMethod is { IsPublic: true } && !Array.Exists(parameters, a => a.Name == p.Name)).ToList();
        var nullability = new NullabilityInfoContext();
        return Sequence([.. parameters.Select(p => Value(p.ParameterType, nullability.Create(p))), .. properties.Select(p => Value(p.PropertyType, nullability.Create(p)))])
            .Select(values =>
            {
                var record = constructor.Invoke([.. values.Take(parameters.Length)]);
                for (var i = 0; i < properties.Count; i++)
                    properties[i].SetValue(record, values[parameters.Length + i]);
                return (object?)record;
            });
    }

    private static Gen<object?> Value(Type type, NullabilityInfo nullability)
    {
        var inner = Nullable.GetUnderlyingType(type) ?? type;
        var value = Values.TryGetValue(inner, out var known) ? known
            : inner.IsEnum ? Gen.OneOf([.. Enum.GetValues(inner).Cast<object?>().Select(Gen.Const)])
            : inner.IsGenericType && inner.GetGenericTypeDefinition() == typeof(ImmutableArray<>)
                ? (Gen<object?>)AnyArray.MakeGenericMethod(inner.GenericTypeArguments).Invoke(null, [nullability.GenericTypeArguments[0]])!
            : inner == typeof(IRegistryCommand) ? OneOf([typeof(CreateTube), typeof(AssociateConversation)]) // the only commands inside of another message
            : inner.IsAbstract ? OneOf(Messages.Where(t => t.IsAssignableTo(inner)))
            : Record(inner);
        return nullability.WriteState == NullabilityState.Nullable ? Gen.OneOf(Gen.Const(default(object)), value) : value;
    }

    private static Gen<object?> OneOf(IEnumerable<Type> types) => Gen.OneOf([.. types.Select(Record)]);

    private static Gen<object?> ArrayOf<T>(NullabilityInfo nullability) =>
        Boxed(Value(typeof(T), nullability).Array[0, 4].Select(items => items.Cast<T>().ToImmutableArray()));

    private static Gen<ImmutableList<object?>> Sequence(IEnumerable<Gen<object?>> items) =>
        items.Aggregate(Gen.Const(ImmutableList<object?>.Empty), (list, item) => Gen.Select(list, item, (before, value) => before.Add(value)));

    private static Gen<object?> Boxed<T>(Gen<T> gen) => gen.Select(value => (object?)value);
}
