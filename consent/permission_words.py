"""What each device permission is for, said once: on the card before use and in the permission centre.

The sheets in `consent/documents/<kind>/` say the same at length; a new purpose here is a new version there.
"""

from dataclasses import dataclass

from consent.models import Permission

Kind = Permission.Kind


@dataclass(frozen=True)
class Words:
    """One permission in a member's language."""

    purpose: str
    effect: str
    kept: str
    instead: str
    unit: str


WORDS = {
    Kind.LOCATION: Words(
        purpose="显示您附近的课程和会议（尚未开放）",
        effect="位置可能透露行踪。我们只保存到城市，不保存经纬度。",
        kept="30 天，然后删除",
        instead="直接输入城市，效果一样",
        unit="条位置",
    ),
    Kind.CAMERA: Words(
        purpose="为投诉、申诉或咨询拍照；扫描课程二维码（尚未开放）",
        effect="镜头会拍到您和周围的人。照片由您确认后才上传，重新编码，去掉拍摄地点等隐藏信息，非公开保存。",
        kept="到所附的投诉、申诉或咨询删除为止",
        instead="从相册选图，从目录打开课程",
        unit="张照片",
    ),
    Kind.PICTURES: Words(
        purpose="为投诉、申诉或咨询添加图片；设置您的头像",
        effect="图片可能让人认出您或他人。我们只收到您选中的，重新编码，去掉拍摄地点等隐藏信息。附件非公开保存，头像由您决定谁能看到。",
        kept="附件到所附的投诉、申诉或咨询删除为止，头像到您删除为止",
        instead="只写文字，不设头像",
        unit="张图片",
    ),
    Kind.MICROPHONE: Words(
        purpose="给客服发送语音留言（尚未开放）",
        effect="声音可能让人认出您。只在您按下录音时录，您确认后才发送，加密保存。",
        kept="180 天，然后删除；可以提前删除",
        instead="写文字留言",
        unit="段留言",
    ),
}
